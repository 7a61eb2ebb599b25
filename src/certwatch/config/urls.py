"""Addresses of the pages (operations.md, Addresses). The API's are the gate's."""

from django.urls import URLPattern, URLResolver, include, path

from certwatch.web import (
    accounts,
    adding,
    alert,
    alerts,
    audit,
    bulk,
    certificate,
    certificates,
    channels,
    choices,
    contact,
    dashboard,
    documents,
    entering,
    errors,
    imports,
    invitations,
    keys,
    members,
    notifications,
    operator,
    org_settings,
    orgs,
    own,
    public,
    suppliers,
    texts,
    usage,
    views,
    webhooks,
)

of_an_organisation = [
    *dashboard.urls,
    *certificates.urls,
    *bulk.urls,
    *views.urls,
    *certificate.urls,
    *documents.urls,
    *alerts.urls,
    *alert.urls,
    *adding.urls,
    *entering.urls,
    *imports.urls,
    *suppliers.urls,
    *members.urls,
    *keys.urls,
    *usage.urls,
    *notifications.urls,
    *channels.urls,
    *webhooks.urls,
    *audit.urls,
    *org_settings.urls,
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", public.home, name="home"),
    path("api-docs", public.api_docs, name="api_docs"),
    path("robots.txt", public.robots, name="robots"),
    path(".well-known/security.txt", public.security, name="security"),
    path("favicon.ico", public.favicon, name="favicon"),
    path("theme/", choices.theme, name="theme"),
    path("language/", choices.language, name="language"),
    *texts.urls,
    *contact.urls,
    *accounts.urls,
    *invitations.urls,
    *own.urls,
    *orgs.urls,
    path("o/<slug:slug>/", include(of_an_organisation)),
    path("operator/", operator.site.urls),
]

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found
handler500 = errors.server_error
