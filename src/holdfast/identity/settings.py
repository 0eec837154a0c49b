"""Settings of users, passwords and access tokens."""

from holdfast.settings import Setting, duration, integer, text

TOKEN_KEY: Setting[str | None] = Setting(
    "HOLDFAST_TOKEN_KEY",
    "identity",
    "token_key",
    text,
    None,
    "The Ed25519 private key (PEM) that signs access tokens; where it is not set, a key file in the data"
    " directory, made on first use.",
    secret=True,
)
TOKEN_LIFETIME = Setting(
    "HOLDFAST_TOKEN_LIFETIME",
    "identity",
    "token_lifetime",
    duration,
    3600.0,
    "How long an access token holds.",
)
PASSWORD_HASHES = Setting(
    "HOLDFAST_PASSWORD_HASHES",
    "identity",
    "password_hashes",
    integer,
    2,
    "How many passwords are hashed at once; each takes 19 MiB and a processor for about 20 ms.",
)
