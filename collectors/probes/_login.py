"""What a request says of who asks: the headers of the login that a module has."""

from __future__ import annotations

import base64

from collectors.probes._secrets import Secrets
from collectors.probes.http_options import BasicAuth, ClientOptions


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def basic_auth(options: BasicAuth, secrets: Secrets) -> str:
    """ProbeFailed when a secret cannot be read."""
    user = options.username or secrets.get("basic_auth.username_file", None, options.username_file)
    return basic(user, secrets.get("basic_auth.password", options.password, options.password_file))


def authorization(options: ClientOptions, secrets: Secrets) -> str:
    """The header ``Authorization`` without that of OAuth 2; '' when there is no login."""
    if options.basic_auth is not None:
        return basic_auth(options.basic_auth, secrets)
    if (other := options.authorization) is not None:
        return f"{other.type} {secrets.get('authorization.credentials', other.credentials, other.credentials_file)}"
    if options.bearer_token is not None or options.bearer_token_file:
        return f"Bearer {secrets.get('bearer_token', options.bearer_token, options.bearer_token_file)}"
    return ""
