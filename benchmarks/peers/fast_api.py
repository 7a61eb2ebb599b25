"""The look-up with FastAPI, SQLAlchemy's asynchronous ORM and the library `limits`. ASGI."""

import hashlib
import os
import unicodedata
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, FastAPI, Header, HTTPException
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from pydantic import BaseModel
from sqlalchemy import DateTime, ForeignKey, event, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship

URL = os.environ["DATABASE_URL"]
engine = create_async_engine(
    URL.replace("sqlite:", "sqlite+aiosqlite:").replace("postgres:", "postgresql+asyncpg:"), pool_size=10
)
Sessions = async_sessionmaker(engine, expire_on_commit=False)
limiter = MovingWindowRateLimiter(MemoryStorage())

if URL.startswith("sqlite:"):

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: object, _record: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[attr-defined]


class Base(DeclarativeBase):
    pass


class Organisation(Base):
    __tablename__ = "certwatch_organisation"
    id: Mapped[int] = mapped_column(primary_key=True)
    rate_limit: Mapped[int]
    time_zone: Mapped[str]


class ApiKey(Base):
    __tablename__ = "certwatch_apikey"
    id: Mapped[int] = mapped_column(primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey(Organisation.id))
    digest: Mapped[bytes]
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    org: Mapped[Organisation] = relationship()


class SourceState(Base):
    __tablename__ = "certwatch_sourcestate"
    source: Mapped[str] = mapped_column(primary_key=True)
    read_began: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Certificate(Base):
    __tablename__ = "certwatch_certificate"
    id: Mapped[int] = mapped_column(primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey(Organisation.id))
    number: Mapped[str]
    number_key: Mapped[str]
    source: Mapped[str] = mapped_column(ForeignKey(SourceState.source))
    word: Mapped[str]
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]
    removed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    state: Mapped[SourceState] = relationship()


class Answer(BaseModel):
    cert_number: str
    status: str
    valid_until: str | None
    last_checked: str | None


async def session() -> AsyncIterator[AsyncSession]:
    async with Sessions() as opened:
        yield opened


Session = Annotated[AsyncSession, Depends(session)]


async def organisation(session: Session, x_api_key: Annotated[str, Header()] = "") -> Organisation:
    digest = hashlib.sha256(x_api_key.encode()).digest()
    found = select(ApiKey).options(joinedload(ApiKey.org)).where(ApiKey.digest == digest, ApiKey.revoked_at.is_(None))
    key = await session.scalar(found)
    if key is None:
        raise HTTPException(401)
    if not await limiter.hit(RateLimitItemPerMinute(key.org.rate_limit), str(key.org_id)):
        raise HTTPException(429)
    return key.org


app = FastAPI()


@app.get("/api/v1/certificate/{number}")
async def look_up(number: str, session: Session, org: Annotated[Organisation, Depends(organisation)]) -> Answer:
    folded = unicodedata.normalize("NFC", number).strip().casefold()
    certificate = await session.scalar(
        select(Certificate)
        .options(joinedload(Certificate.state))
        .where(Certificate.org_id == org.id, Certificate.number_key == folded, Certificate.removed_at.is_(None))
    )
    if certificate is None:
        raise HTTPException(404)
    status, until, began = certificate.word, certificate.valid_until, certificate.state.read_began
    today = datetime.now(UTC).astimezone(ZoneInfo(org.time_zone)).date()
    if status == "valid" and until and today > until:
        status = "expired"
    elif status == "valid" and certificate.valid_from and today < certificate.valid_from:
        status = "not_yet_valid"
    return Answer(
        cert_number=certificate.number,
        status=status,
        valid_until=until.strftime("%d.%m.%Y") if until else None,
        last_checked=began.strftime("%Y-%m-%dT%H:%M:%S.") + f"{began.microsecond // 1000:03}Z" if began else None,
    )
