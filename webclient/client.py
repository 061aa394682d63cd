"""One hop of HTTP at a time: no redirects followed, no credentials added, every socket known and closable."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from types import TracebackType
from typing import Any, Protocol

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import get_auth_from_url, get_environ_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, LocationParseError, NameResolutionError
from urllib3.exceptions import SSLError as Urllib3SSLError

from webclient import network_environment
from webclient.credentials import Anonymous, Credentials
from webclient.errors import Stopped, TransferError, Transient
from webclient.url_policy import check_address, check_peer, shown

USER_AGENT = "ComfyDash/0.1 (model installer)"
NETWORK_ERRORS = (requests.RequestException, HTTPError, OSError)
MOST_KEPT = 32  # connections that may be open for the next request
COMPRESSIONS = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress"})


class Sockets:
    """Every open socket of a transfer: judged when connected, shut down together when the transfer ends."""

    def __init__(self, allow_private_hosts: bool) -> None:
        self.allow_private_hosts = allow_private_hosts
        self.closed = False
        self.mine = threading.local()  # .fresh: this thread's request opened a connection of its own
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()

    def addresses(self, host: str, port: int) -> list[str]:
        """What a name resolves to, without the addresses that are never asked: those get no packet at all.

        Raises socket.gaierror, and TransferError (forbidden_address) when nothing is left.
        """
        family = urllib3.util.connection.allowed_gai_family()
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host.strip("[]"), port, family, socket.SOCK_STREAM)]
        good: list[str] = []
        refusal: TransferError | None = None
        for address in dict.fromkeys(found):
            try:
                check_peer(address, self.allow_private_hosts)
            except TransferError as error:
                refusal = refusal or error
            else:
                good.append(address)
        if refusal and not good:
            raise refusal
        return good

    def admit(self, sock: socket.socket) -> None:
        """Judge the address a socket really reached as well."""
        try:
            check_peer(sock.getpeername()[0], self.allow_private_hosts)
        except TransferError:
            sock.close()
            raise

    def add(self, sock: socket.socket) -> None:
        with self._lock:
            self._open = {known for known in self._open if known.fileno() >= 0}
            self._open.add(sock)
            closed = self.closed
        if closed:
            shut(sock)

    def shut(self) -> None:
        with self._lock:
            self.closed = True
            sockets, self._open = self._open, set()
        for sock in sockets:
            shut(sock)


def shut(sock: socket.socket) -> None:
    """Wake whoever reads. Not SSLSocket.shutdown: that drops the TLS layer, and a reader would get ciphertext."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _pool_classes(sockets: Sockets, judged: bool) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's pools, with connections that pass their sockets by `sockets`. Behind a proxy the peer is the proxy."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            sockets.mine.fresh = True
            if not judged:
                return super()._new_conn()
            name = self._dns_host
            failure: Exception | None = None
            try:
                for address in sockets.addresses(name, self.port):
                    self._dns_host = address  # the very address that was judged, resolved no second time
                    try:
                        sock = super()._new_conn()
                    except (HTTPError, OSError) as error:
                        failure = error
                        continue
                    sockets.admit(sock)
                    return sock
            except socket.gaierror as error:
                raise NameResolutionError(self.host, self, error) from error
            finally:
                self._dns_host = name
            raise failure or OSError("a name without addresses")

        def response_class(self, *args: Any, **kwargs: Any) -> HTTPResponse:  # type: ignore[override]
            """By this name http.client makes its answers; `Body` wants to know the one that is being read."""
            self.answer = HTTPResponse(*args, **kwargs)
            return self.answer

        def connect(self) -> None:
            super().connect()
            self.opened = self.sock  # http.client forgets its socket when the answer says Connection: close
            sockets.add(self.sock)

    class Encrypted(Plain, HTTPSConnection):
        """The same around TLS: Plain's super() is HTTPSConnection here."""

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}


class _Adapter(HTTPAdapter):
    def __init__(self, sockets: Sockets) -> None:
        self.sockets = sockets
        super().__init__(pool_connections=8, pool_maxsize=MOST_KEPT, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        options = [*HTTPConnection.default_socket_options, (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
        super().init_poolmanager(*args, socket_options=options, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pool_classes(self.sockets, judged=True)

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        """The proxy's login as UTF-8: requests takes Latin-1, and breaks over every other letter."""
        user, password = get_auth_from_url(proxy)
        if not user:
            return {}
        return {"Proxy-Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _pool_classes(self.sockets, judged=False)
        return manager


class _NoCredentials(requests.auth.AuthBase):
    """Set as the session's auth so that requests looks into no .netrc, while proxies of the environment stay."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class ClientOptions(Protocol):
    """Times in seconds. ``ca_bundle`` is a file of authorities, "" leaves it to REQUESTS_CA_BUNDLE and the system."""

    @property
    def allow_private_hosts(self) -> bool: ...
    @property
    def connect_timeout(self) -> float: ...
    @property
    def read_timeout(self) -> float: ...
    @property
    def ca_bundle(self) -> str: ...


class WebClient:
    """The HTTP of one piece of work, shared by its threads. `close` ends every request at once.

    Nobody else opens connections to hosts of models, and nobody else attaches a token: `_headers` does, to what the
    credentials name.
    """

    def __init__(self, options: ClientOptions, credentials: Credentials | None = None) -> None:
        self.options = options
        self.credentials: Credentials = credentials or Anonymous()
        self.sockets = Sockets(options.allow_private_hosts)
        self.session = requests.Session()
        self.session.auth = _NoCredentials()
        self.session.headers.clear()
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, _Adapter(self.sockets))

    def carries_token(self, url: str) -> bool:
        return bool(self.credentials.token_for(url))

    def _headers(self, url: str, headers: Mapping[str, str] | None, anonymous: bool) -> dict[str, str]:
        # Accept-Encoding: what arrives must be the file's own bytes, or offsets mean nothing.
        sent = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity", **(headers or {})}
        if not anonymous and (token := self.credentials.token_for(url)):
            sent["Authorization"] = f"Bearer {token}"
        return sent

    def get(self, url: str, headers: Mapping[str, str] | None = None, *, anonymous: bool = False) -> requests.Response:
        """One GET, the body not read yet. Raises TransferError (forbidden_address), Transient, Stopped.

        It carries the token of the host, where the URL may see one, unless it is to be anonymous.
        """
        check_address(url, self.options.allow_private_hosts)
        sent = self._headers(url, headers, anonymous)
        for left in range(MOST_KEPT, -1, -1):
            self.sockets.mine.fresh = left == 0
            try:
                return self._send(url, sent)
            except (*NETWORK_ERRORS, ValueError) as error:  # ValueError: requests' and urllib3's, over odd addresses
                if self.sockets.closed:
                    raise Stopped from None
                # A kept connection that was closed meanwhile, or carries what belongs to no answer, says nothing about
                # the server.
                if self.sockets.mine.fresh or not _is_unusable(error):
                    raise explain(error, url) from error
        raise AssertionError("the last try counts as fresh")

    def get_or_without(
        self, url: str, headers: Mapping[str, str] | None = None, *, anonymous: bool = False
    ) -> requests.Response:
        """`get`, and once more without the token where the host refuses it, or may mean it."""
        if anonymous or not self.carries_token(url) or self.credentials.is_refused(url):
            return self.get(url, headers, anonymous=True)
        response = self.get(url, headers)
        if response.status_code not in {400, 401, 403}:
            return response
        response.close()
        bare = self.get(url, headers, anonymous=True)
        if response.status_code == 401 and bare.status_code < 400:
            self.credentials.refuse(url)
        if response.status_code == 401 or bare.status_code not in {400, 401, 403, 404}:
            return bare
        bare.close()
        return response  # both refused it, and the refusal that knew the token says more

    def _send(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        return self.session.get(
            url,
            headers=headers,
            stream=True,
            allow_redirects=False,
            timeout=(self.options.connect_timeout, self.options.read_timeout),
            verify=self.options.ca_bundle or True,
        )

    def close(self) -> None:
        self.sockets.shut()
        self.session.close()

    def __enter__(self) -> WebClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def number(said: str) -> int | None:
    """The whole number in a header, None where there is none; no answer of a host breaks what reads it."""
    return int(said) if re.fullmatch(r"\d{1,18}", said, re.ASCII) else None


def compression(response: requests.Response) -> str:
    """How the body is compressed although plain bytes were asked for; "" when it is the file as it is.

    Only real compressions count: storage that says aws-chunked, and servers that put a charset there, send plain bytes.
    """
    said = response.headers.get("Content-Encoding", "").lower()
    return next((name for name in re.split(r"[,\s]+", said) if name in COMPRESSIONS), "")


def is_page(response: requests.Response) -> bool:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind in {"text/html", "application/xhtml+xml"}


def explain(error: Exception, url: str) -> TransferError:
    """A network failure as a sentence. Names the host, never the query of the URL."""
    host = shown(url).split("/")[2]
    causes = _causes(error)
    if problem := network_environment.problem(host.rpartition(":")[0] or host):
        return TransferError(problem, reason="network")
    if any(isinstance(cause, ssl.SSLError | Urllib3SSLError | requests.exceptions.SSLError) for cause in causes):
        if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
            return TransferError(
                f"The certificate of {host} is not trusted. For a private authority, set REQUESTS_CA_BUNDLE.",
                reason="network",
            )
        return Transient(f"The encrypted connection to {host} broke. It is tried again.")
    # The address itself has been judged before: what is invalid now is the proxy's, where there is one.
    invalid = requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema | LocationParseError | ValueError
    if any(isinstance(cause, invalid) for cause in causes) and get_environ_proxies(url):
        return TransferError(
            f"The proxy on the way to {host} cannot be used. Correct HTTP_PROXY, HTTPS_PROXY and ALL_PROXY.",
            reason="network",
        )
    unreadable = requests.exceptions.InvalidURL | LocationParseError | UnicodeError
    # A bare ValueError: requests looks at where a redirect leads, whether it is to follow or not.
    if any(isinstance(cause, unreadable) or type(cause) is ValueError for cause in causes):
        sentence = f"The address at {host} is not valid, or redirects to one that is not. Correct it in the catalogue."
        return TransferError(sentence, reason="not_found")
    if any(isinstance(cause, requests.exceptions.ProxyError | urllib3.exceptions.ProxyError) for cause in causes):
        return Transient(f"The proxy on the way to {host} refused. Check HTTP_PROXY and HTTPS_PROXY.")
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return Transient(f"The name {host} cannot be resolved. Check the network or the DNS of this machine.")
    # Before the time-outs: urllib3 calls every failed connect one of those too.
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return Transient(f"{host} refused the connection. It may be down; it is tried again.")
    if any(isinstance(cause, TimeoutError | requests.Timeout | urllib3.exceptions.TimeoutError) for cause in causes):
        return Transient(f"{host} did not answer in time. Check the network; it is tried again.")
    return Transient(f"The connection to {host} broke. It is tried again and continues where it stopped.")


def _is_unusable(error: Exception) -> bool:
    unusable = ConnectionResetError | BrokenPipeError | HTTPException
    return any(isinstance(cause, unusable) for cause in _causes(error))


def _causes(error: BaseException) -> list[BaseException]:
    """An exception with everything it was raised from or wraps; requests and urllib3 nest four deep."""
    found: list[BaseException] = []
    pending: list[object] = [error]
    while pending:
        item = pending.pop()
        if isinstance(item, BaseException) and item not in found:
            found.append(item)
            pending += [item.__cause__, item.__context__, getattr(item, "reason", None), *item.args]
    return found
