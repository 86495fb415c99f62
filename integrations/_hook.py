"""What the messengers have in common: a secret address, a text that fits, and errors inside a reply that says 200."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from integrations._http import NO_HEADERS, Http, Reply
from integrations._login import Authorization, Login, anonymous, checked_url
from integrations._message_text import Language, details, heading, reference
from integrations._sent_record import Message
from integrations._session import Connection
from integrations._text import cut, cut_bytes
from integrations.api import Finding, IntegrationError, NotSent, Ports, Ref, Rejected, Unauthorised

if TYPE_CHECKING:
    from integrations._tokens import Ask


class HookOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every messenger's section has."""

    language: Annotated[
        Language, Meta(description="Language of the few words around the ticket's text: en or zh", examples=["zh"])
    ] = Language.EN
    connection: Annotated[Connection, Meta(description="How the server is reached")] = Connection()


class Soft(msgspec.Struct, frozen=True):
    """What a product's own codes mean. Any other code than ``done`` is Rejected."""

    done: Collection[int | str] = (0,)
    busy: Collection[int | str] = ()
    """Too many messages; try again after ``pause`` seconds."""
    login: Collection[int | str] = ()
    doubtful: Collection[int | str] = ()
    """The product failed in a way that does not say whether the message went out."""
    pause: float = 60.0

    def check(self, what: str, reply: Reply, code: int | str, said: str) -> None:
        """Return when it was done, else raise what it means."""
        if code in self.done:
            return
        text = f"{what}: the server answered {reply.status} with code {code} ({cut(said, 200)}); it said: {reply.said}"
        if code in self.busy:
            raise NotSent(text, retry_after=self.pause)
        if code in self.login:
            raise Unauthorised(f"{text}; look at the address's token, the signing secret and this machine's clock")
        if code in self.doubtful:
            raise reply.unexpected(f"answered with code {code}")
        raise Rejected(text)


class Hook:
    """Requests to an address whose secret parts are credentials. Nothing of them gets into a text."""

    folds = False

    def __init__(
        self,
        name: str,
        url: str,
        credentials: Sequence[str],
        ports: Ports,
        connection: Connection,
        *,
        login: Login | None = None,
    ) -> None:
        self.name = name
        self._ports = ports
        self._credentials = tuple(credentials)
        address = checked_url(url, allow_plaintext=connection.allow_plaintext)
        self._http = Http(name, address, _Hiding(login or anonymous(), self._secrets), ports, connection)

    def secret(self, credential: str) -> str:
        """The secret of this name, fit for an address or a key."""
        text = self._ports.credential(credential).reveal()
        if not (text.isascii() and text.isprintable() and text) or " " in text:
            raise Unauthorised(
                f"{self.name}: the credential {credential!r} has a line break, a blank or another character that an"
                " address cannot carry, or is empty; write it without"
            )
        return text

    async def send(
        self, path: str, payload: object, headers: Mapping[str, str] = NO_HEADERS, accept: Collection[int] = ()
    ) -> Reply:
        return await self._http.send("POST", path, payload, headers, accept)

    async def arrived(self, message: Message) -> Ref | None:
        """No messenger can be asked."""
        return None

    async def look(self) -> Sequence[Finding]:
        """Credentials are there, and the server answers; whether it takes a message only a message shows."""
        for credential in self._credentials:
            self.secret(credential)
        findings = [Finding(check="login", ok=True, detail="every credential it needs can be read")]
        try:
            reply = await self._http.get("/", accept=range(100, 500))
            detail = f"{self._http.url} answers ({reply.status}); whether it takes a message `tocsin drill` shows"
            return [*findings, Finding(check="reach", ok=True, detail=detail)]
        except IntegrationError as error:
            fix = "mend what the text names, run this again"
            return [*findings, Finding(check="reach", ok=False, detail=str(error), fix=fix)]

    async def aclose(self) -> None:
        await self._http.aclose()

    def _secrets(self) -> tuple[str, ...]:
        """What must never be shown: every secret, whole and by the parts that an address has."""
        secrets = [self.secret(credential) for credential in self._credentials]
        parts = [part for secret in secrets for part in (secret, secret.partition("?")[0])]
        return tuple(sorted(set(parts), key=len, reverse=True))


class _Hiding:
    """A login, with further secrets of the request that must never be shown."""

    def __init__(self, login: Login, secrets: Callable[[], tuple[str, ...]]) -> None:
        self.secure = login.secure
        self._login = login
        self._secrets = secrets
        self._given = self._made = Authorization("", ())

    async def authorization(self, ask: Ask) -> Authorization:
        given = await self._login.authorization(ask)
        made = Authorization(given.header, given.secrets + self._secrets())
        if given is not self._given or made != self._made:
            self._given, self._made = given, made
        return self._made

    def refused(self, authorization: Authorization) -> bool:
        # A login knows its own header again by identity.
        return self._login.refused(self._given if authorization is self._made else authorization)

    async def release(self, ask: Ask) -> None:
        await self._login.release(ask)


def fitted(message: Message, language: Language, limit: int, *, in_bytes: bool = False, keyword: str = "") -> str:
    """The whole message as one text of at most ``limit`` characters or bytes: heading and last line are kept.

    ``keyword`` is what a bot demands in each message; it is added where the text does not have it.
    """
    shorten: Callable[[str, int], str] = cut_bytes if in_bytes else cut
    head, last = shorten(heading(message, language), limit // 4), reference(message)
    if keyword and keyword not in head:
        last = f"{last} {keyword}"
    size = (lambda text: len(text.encode())) if in_bytes else len
    middle = shorten(details(message, language), limit - size(head) - size(last) - 4)
    return "\n\n".join(part for part in (head, middle, last) if part)
