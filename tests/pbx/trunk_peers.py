"""Carriers as shops meet them: with a password, behind TCP or TLS, with a proxy in front."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bridge.proof.capture import Address
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.digest import Challenge, Credentials
from bridge.proof.sip.message import Message, Response
from bridge.proof.sip.tasks import Tasks
from bridge.proof.sip.transaction import ServerTransaction

CHALLENGE = Challenge("carrier.example", "nonce-of-the-carrier", qop_auth=True)


class CarrierWithPassword(Carrier):
    """Wants digest authentication for REGISTER (401) and for INVITE (`invite_challenge`: 401 or 407)."""

    def __init__(self, bind: Address, credentials: Credentials, *, invite_challenge: int = 407) -> None:
        super().__init__(bind)
        self.passwords = credentials
        self.invite_challenge = invite_challenge
        self.registered: list[str] = []
        """Contacts of registrations that were accepted."""

    def _dispatch(self, incoming: ServerTransaction) -> None:
        request = incoming.request
        initial = request.method in ("REGISTER", "INVITE") and not request.to_address.tag
        if not initial:
            super()._dispatch(incoming)
        elif not self._knows(incoming):
            self._challenge(incoming)
        elif request.method == "REGISTER":
            self.registered.append(request.require("Contact"))
            response = self.response(request, 200, tag="registrar")
            response.set("Contact", f"{request.require('Contact')};expires=60")
            self.respond(incoming, response)
        else:
            super()._dispatch(incoming)

    def _knows(self, incoming: ServerTransaction) -> bool:
        request = incoming.request
        header = request.get("Authorization") or request.get("Proxy-Authorization") or ""
        return self.passwords.accept(CHALLENGE, header, request.method)

    def _challenge(self, incoming: ServerTransaction) -> None:
        status = 401 if incoming.request.method == "REGISTER" else self.invite_challenge
        name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
        response = self.response(incoming.request, status, tag="challenge", headers=[(name, str(CHALLENGE))])
        self.respond(incoming, response)


@dataclass(frozen=True)
class Certificates:
    """A certificate authority's certificate, and one that it gave to a server, with its key."""

    authority: Path
    server: Path
    key: Path


def make_certificates(folder: Path, host: str) -> Certificates:
    """For a server at an IPv4 address; both names end tomorrow."""
    folder.mkdir()
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Lab authority")])
    authority = _certificate(issuer, issuer, authority_key, authority_key, is_authority=True)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    server = _certificate(subject, issuer, server_key, authority_key, host=host)
    made = Certificates(folder / "authority.pem", folder / "server.pem", folder / "server.key")
    made.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    made.server.write_bytes(server.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return made


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signed_by: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool = False,
    host: str | None = None,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if host is not None:
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signed_by, hashes.SHA256())


@asynccontextmanager
async def stream_front(
    carrier: Carrier, address: Address, *, certificates: Certificates | None = None
) -> AsyncIterator[None]:
    """Let a carrier, which speaks UDP, be reached by TCP at `address`, or by TLS with certificates.

    Each connection is one UDP socket towards the carrier, so that its answers find their way back. Its
    Contact names the stream, so that what belongs to a dialogue takes it as well.
    """
    context = None
    if certificates is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.server, certificates.key)
    transport = "tcp" if context is None else "tls"

    def name_the_stream(message: Message) -> None:
        if message.get("Contact") and not (isinstance(message, Response) and message.status >= 300):
            host, port = address
            message.set("Contact", f"<sip:carrier@{host}:{port};transport={transport}>")

    relays = Tasks()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relays.start(_relay(reader, writer, carrier.address), "relay to the carrier")

    carrier.alter = name_the_stream
    server = await asyncio.start_server(accept, *address, ssl=context)
    try:
        yield
    finally:
        server.close()
        await relays.close()


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, carrier: Address) -> None:
    loop = asyncio.get_running_loop()
    datagrams, _ = await loop.create_datagram_endpoint(
        lambda: _Back(writer), local_addr=(carrier[0], 0), remote_addr=carrier
    )
    try:
        while True:
            datagrams.sendto(await _message(reader))
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # Asterisk has closed it
    finally:
        datagrams.close()
        writer.close()
        writer.transport.abort()


class _Back(asyncio.DatagramProtocol):
    """From the carrier to the stream."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def datagram_received(self, data: bytes, _addr: Address) -> None:
        self._writer.write(data)


async def _message(reader: asyncio.StreamReader) -> bytes:
    """One SIP message of a stream (RFC 3261, section 18.3); keep-alives before it are skipped."""
    head = (await reader.readuntil(b"\r\n\r\n")).lstrip()
    if not head:
        return await _message(reader)
    length = next(
        int(line.partition(b":")[2])
        for line in head.split(b"\r\n")
        if line.lower().startswith((b"content-length:", b"l:"))
    )
    return head + await reader.readexactly(length)
