"""Access tokens and refresh tokens; a logout ends both at once.

A token is signed and contains the id of a login (`sid`). The row of the login says whether it is valid and
which refresh token is next. If another refresh token is used, it has been copied, and the login ends.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from time import time
from typing import Any, NamedTuple

import jwt
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from shop.domain.passwords import verify_password
from shop.domain.user import KnownAddress, Login, User
from shop.model.entity import normalize_text, now
from shop.model.errors import Forbidden, Unauthenticated
from shop.storage.database import build_insert
from shop.storage.prepared_queries import PreparedQuery
from shop.storage.transactions import Actor, Context

ACCESS, REFRESH = "access", "refresh"
ISSUER = AUDIENCE = "shop"
LEEWAY_SECONDS = 10
REQUIRED_CLAIMS = ["iss", "aud", "sub", "exp", "iat", "jti", "typ", "sid", "epoch"]
WRONG_CREDENTIALS = "Wrong username or password."
SESSION_QUERY = PreparedQuery(
    select(User.id, User.role, User.username, User.token_epoch, Login.id)
    .join(Login, Login.user_id == User.id)
    .where(User.id == bindparam("user"), Login.id == bindparam("sid"), User.token_epoch == bindparam("since"))
    .where(User.disabled.is_(False), User.erased_at.is_(None))
)
MAX_VERIFIED = 10_000  # tokens whose signatures need not be checked again; about 1 kB each
MAX_LOGINS, MAX_ADDRESSES = 1000, 20  # per account; the oldest are deleted first
INVALID_TOKEN = "This token is not valid or has expired; log in again."  # noqa: S105
REUSED_TOKEN = "This refresh token was used before, so its login has ended; log in again."  # noqa: S105


class OpenSession(NamedTuple):
    id: int
    role: str
    username: str
    token_epoch: int
    login: str


@dataclass(frozen=True)
class TokenPair:
    access_token: str
    refresh_token: str
    expires_in: int
    actor: Actor


def derive_key_id(key: str) -> str:
    """Return an id for a key that reveals nothing about it."""
    return hashlib.sha256(b"kid" + key.encode()).hexdigest()[:8]


class Signer:
    """Signs with the newest key and verifies with the key that the token's `kid` names."""

    def __init__(self, keys: tuple[str, ...], access_seconds: int, refresh_seconds: int) -> None:
        self.keys = {derive_key_id(key): key for key in keys}
        self.kid = derive_key_id(keys[0])
        self.lifetimes = {ACCESS: access_seconds, REFRESH: refresh_seconds}
        self.jwt = jwt.PyJWT(options={"enforce_minimum_key_length": True})
        self.verified: dict[tuple[str, bytes], dict[str, Any]] = {}  # claims, by kind and digest of the token

    def sign(self, kind: str, user: Any, sid: str, jti: str) -> str:
        issued = int(now().timestamp())
        claims = {
            "iss": ISSUER, "aud": AUDIENCE, "iat": issued, "exp": issued + self.lifetimes[kind],
            "sub": str(user.id), "jti": jti, "typ": kind, "sid": sid, "epoch": user.token_epoch,
        }  # fmt: skip
        return self.jwt.encode(claims, self.keys[self.kid], "HS256", headers={"kid": self.kid})

    def verify(self, token: str, kind: str) -> dict[str, Any]:
        """Return the claims of a valid token of this kind, without a database query.

        A signature is checked once; the expiry, like the login, at every request.
        """
        digest = kind, hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        claims = self.verified.get(digest)
        if claims and claims["exp"] > time() - LEEWAY_SECONDS:
            return claims
        claims = self.check_signature(token, kind)
        if len(self.verified) >= MAX_VERIFIED:
            self.verified.clear()
        self.verified[digest] = claims
        return claims

    def check_signature(self, token: str, kind: str) -> dict[str, Any]:
        try:
            key = self.keys[jwt.get_unverified_header(token)["kid"]]
            claims = self.jwt.decode(
                token, key, algorithms=["HS256"], audience=AUDIENCE, issuer=ISSUER, leeway=LEEWAY_SECONDS,
                options={"require": REQUIRED_CLAIMS},
            )  # fmt: skip
            is_short_enough = claims["exp"] - claims["iat"] <= self.lifetimes[kind]
            if is_short_enough and claims["typ"] == kind and str(int(claims["sub"])) == claims["sub"]:
                return claims
        except (jwt.PyJWTError, ValueError, KeyError, TypeError, RecursionError):
            pass
        raise Unauthenticated(INVALID_TOKEN, token="invalid")  # noqa: S106


def find_session(ctx: Context, claims: dict[str, Any]) -> OpenSession:
    """Return the user of a token, if the login and the account are still valid."""
    for row in ctx.fetch_rows(
        SESSION_QUERY, user=int(claims["sub"]), sid=claims["sid"], since=claims["epoch"]
    ):
        return OpenSession(*row)
    raise Unauthenticated(INVALID_TOKEN, token="invalid")  # noqa: S106


def identify_actor(ctx: Context, claims: dict[str, Any]) -> Actor:
    open_session = find_session(ctx, claims)
    return Actor(open_session.id, open_session.role, open_session.login, open_session.username)


def issue_tokens(signer: Signer, user: Any, sid: str, jti: str) -> TokenPair:
    return TokenPair(
        access_token=signer.sign(ACCESS, user, sid, token_hex(16)),
        refresh_token=signer.sign(REFRESH, user, sid, jti),
        expires_in=signer.lifetimes[ACCESS],
        actor=Actor(user.id, user.role, sid, user.username),
    )


def compute_expiry(signer: Signer) -> datetime:
    return now() + timedelta(seconds=signer.lifetimes[REFRESH])


def log_in(ctx: Context, signer: Signer, address: str, username: str, password: str) -> TokenPair:
    """Log in; unknown usernames are hashed too, so that they take as long as known ones."""
    user = ctx.session.scalar(select(User).where(User.username_key == normalize_text(username)))
    password_hash = user and user.password_hash
    ctx.session.rollback()  # no transaction stays open during the hashing
    if not verify_password(password_hash, password) or user is None:
        raise Unauthenticated(WRONG_CREDENTIALS)
    return open_login(ctx, signer, user.id, address)


def open_login(ctx: Context, signer: Signer, user_id: int, address: str | None = None) -> TokenPair:
    """Create a login for an authenticated user."""
    with ctx.transaction() as session:
        user = session.get_one(User, user_id)
        if user.disabled or user.erased_at:
            raise Forbidden("This account is disabled; ask the staff.")
        session.execute(delete(Login).where(Login.expires_at < now()))
        login = Login(
            id=token_hex(16), user_id=user.id, spends=token_hex(16), expires_at=compute_expiry(signer)
        )
        session.add(login)
        session.flush()
        end_oldest_logins(session, user.id)
        if address:
            remember_address(session, user.id, address)
    return issue_tokens(signer, user, login.id, login.spends)


def end_oldest_logins(session: Session, user_id: int) -> None:
    """Delete the oldest logins of an account above MAX_LOGINS."""
    own_rows = Login.user_id == user_id
    newest_first = select(Login.expires_at).where(own_rows).order_by(Login.expires_at.desc())
    if cut_off := session.scalar(newest_first.offset(MAX_LOGINS).limit(1)):
        session.execute(delete(Login).where(own_rows, Login.expires_at <= cut_off))


def remember_address(session: Session, user_id: int, address: str) -> None:
    values = {"seen_at": now()}
    row = build_insert(session, KnownAddress).values(user_id=user_id, address=address, **values)
    session.execute(row.on_conflict_do_update(index_elements=["user_id", "address"], set_=values))
    own_rows = KnownAddress.user_id == user_id
    newest_first = select(KnownAddress.seen_at).where(own_rows).order_by(KnownAddress.seen_at.desc())
    if cut_off := session.scalar(newest_first.offset(MAX_ADDRESSES).limit(1)):
        session.execute(delete(KnownAddress).where(own_rows, KnownAddress.seen_at <= cut_off))


def is_known_address(ctx: Context, username: str, address: str) -> bool:
    """Whether this account has logged in from this address before."""
    query = select(KnownAddress.user_id).join(User, User.id == KnownAddress.user_id)
    rows = ctx.fetch_rows(
        query.where(User.username_key == normalize_text(username), KnownAddress.address == address)
    )
    return bool(rows)


def refresh_tokens(ctx: Context, signer: Signer, refresh_token: str) -> TokenPair:
    """Return new tokens for a refresh token that has not been used."""
    claims = signer.verify(refresh_token, REFRESH)
    with ctx.transaction() as session:
        user, successor = find_session(ctx, claims), token_hex(16)
        result = session.execute(
            update(Login)
            .where(Login.id == claims["sid"], Login.spends == claims["jti"])
            .values(spends=successor, expires_at=compute_expiry(signer))
        )
        if not result.rowcount:
            session.execute(delete(Login).where(Login.id == claims["sid"]))
    if not result.rowcount:
        raise Unauthenticated(REUSED_TOKEN, token="invalid")  # noqa: S106
    return issue_tokens(signer, user, claims["sid"], successor)


def log_out(ctx: Context) -> None:
    if not ctx.actor:
        raise Unauthenticated("Log in first.")
    with ctx.transaction() as session:
        session.execute(delete(Login).where(Login.id == ctx.actor.login))
