"""The dependencies of the FastAPI contestant: a session, and the user of a token."""

import os
from collections.abc import Iterator
from typing import Annotated

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from fastapi import APIRouter, Depends, HTTPException, status
from fastapi.security import OAuth2PasswordBearer
from sqlalchemy import create_engine, make_url, select
from sqlalchemy.orm import Session

from benchmarks.contestants.fastapi_models import Login, Token, User

SECRET, ALGORITHM = os.environ["BENCH_SECRET"], "HS256"
URL = make_url(os.environ["BENCH_DATABASE"])
ARGUMENTS = {"check_same_thread": False} if URL.drivername == "sqlite" else {}
# A connection for each of the sixteen that ask, because one that is closed and opened again costs more.
engine = create_engine(URL, connect_args=ARGUMENTS, pool_size=16)
hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)  # as the shop has it
bearer = OAuth2PasswordBearer(tokenUrl="tokens")
router = APIRouter()


def get_session() -> Iterator[Session]:
    with Session(engine) as session:
        yield session


SessionDep = Annotated[Session, Depends(get_session)]


def get_current_user(token: Annotated[str, Depends(bearer)], session: SessionDep) -> User:
    unauthorized = HTTPException(
        status_code=status.HTTP_401_UNAUTHORIZED,
        detail="Could not validate credentials",
        headers={"WWW-Authenticate": "Bearer"},
    )
    try:
        payload = jwt.decode(token, SECRET, algorithms=[ALGORITHM])
    except jwt.InvalidTokenError:
        raise unauthorized from None
    user = session.get(User, int(payload["sub"]))
    if user is None:
        raise unauthorized
    return user


CurrentUser = Annotated[User, Depends(get_current_user)]


@router.post("/tokens", response_model=Token, status_code=201)
def log_in(login: Login, session: SessionDep) -> dict[str, str]:
    user = session.scalar(select(User).where(User.username == login.username))
    try:
        hasher.verify(user.password_hash if user else "", login.password)
    except VerifyMismatchError:
        raise HTTPException(status_code=400, detail="Incorrect username or password") from None
    return {"access_token": jwt.encode({"sub": str(user.id)}, SECRET, algorithm=ALGORITHM)}
