"""Addresses of the pages (operations.md, Addresses). The API's are the gate's."""

from django.urls import URLPattern, URLResolver, path

from certwatch.web import choices, errors, public

urlpatterns: list[URLPattern | URLResolver] = [
    path("", public.home, name="home"),
    path("api-docs", public.api_docs, name="api_docs"),
    path("robots.txt", public.robots, name="robots"),
    path(".well-known/security.txt", public.security, name="security"),
    path("favicon.ico", public.favicon, name="favicon"),
    path("theme/", choices.theme, name="theme"),
    path("language/", choices.language, name="language"),
]

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found
handler500 = errors.server_error
