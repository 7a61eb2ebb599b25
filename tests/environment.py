"""Loaded before Django's settings: tests keep everything in a folder of their own and reach nothing outside.

`CERTWATCH_TEST_ON=postgresql` runs them on the server that CERTWATCH_TEST_POSTGRES names, in databases of their own.
With `CI=true` nothing may be skipped.
"""

import os
import shutil
import tempfile
from collections.abc import Generator
from typing import Any

import pytest

POSTGRES = "postgres://postgres@127.0.0.1:5432/postgres"

for name in [n for n in os.environ if n.startswith("CERTWATCH_") and not n.startswith("CERTWATCH_TEST_")]:
    if name != "CERTWATCH_HOME":
        del os.environ[name]
for name in ("DATABASE_URL", "VALKEY_URL", "REDIS_URL", "EMAIL_URL"):
    os.environ.pop(name, None)
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["CERTWATCH_HOME"] += f"/{os.environ['PYTEST_XDIST_WORKER']}"  # locks and files are not shared
else:
    os.environ["CERTWATCH_HOME"] = tempfile.mkdtemp(prefix="certwatch-test-")
if os.environ.get("CERTWATCH_TEST_ON") == "postgresql":
    os.environ["DATABASE_URL"] = os.environ.get("CERTWATCH_TEST_POSTGRES", POSTGRES)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        _refuse(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped:
        _refuse(report)
    return report


def _refuse(report: Any) -> None:
    if os.environ.get("CI") == "true":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"In CI nothing may be skipped. {reason}"


def pytest_unconfigure() -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        shutil.rmtree(os.environ["CERTWATCH_HOME"], ignore_errors=True)
