"""What the worker does by the clock, and when it last did."""

from django.db import models


class Duty(models.Model):
    """A regular duty's heartbeat; `worker` is the worker itself."""

    name = models.CharField(max_length=60, primary_key=True)
    last = models.DateTimeField(null=True)  # when it last ended well
    next = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    waiting = models.PositiveIntegerField(default=0)  # of `worker`: tasks in the queue
