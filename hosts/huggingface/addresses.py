"""The addresses of the Hub of Hugging Face, or of a mirror in its place."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from webclient.networks import is_loopback
from webclient.url_policy import origin

HUB_HOSTS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
# ORG/REPO, datasets/ORG/REPO, or the bare name of an old repository, in front of /resolve/REV/PATH and its kin.
_REPOSITORY = re.compile(r"/((?:(?:datasets|spaces)/)?[^/]+(?:/[^/]+)?)/(resolve|blob|raw|tree)/")
_RESOLVE = re.compile(r"(/resolve/)[^/]+(/)")  # a revision


class Hub:
    """The Hub that is configured: huggingface.co, or the mirror that HF_ENDPOINT names in its place."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint.rstrip("/")
        self._parts = urlsplit(self.endpoint)

    @property
    def name(self) -> str:
        return "Hugging Face" if self._parts.hostname in HUB_HOSTS else self._parts.netloc.rpartition("@")[2]

    def canonical(self, url: str) -> str:
        """A catalogue's URL as it is asked: at the configured Hub, /resolve/ for /blob/ (a web page) and /raw/ (a
        pointer in place of a model)."""
        parts = urlsplit(url)
        if _is_hub_host(parts):
            path = f"{self._parts.path.rstrip('/')}/{parts.path.lstrip('/')}"
            parts = SplitResult(self._parts.scheme, self._parts.netloc, path, parts.query, "")
        if self.keeps(urlunsplit(parts)) and _REPOSITORY.match(parts.path, self._prefix):
            path = quote(self._resolving(parts.path, self._prefix), safe="/%:@!$&'()*+,;=~-._")
            parts = parts._replace(path=path, query="", fragment="")
        return urlunsplit(parts)

    def is_its_address(self, url: str) -> bool:
        """Whether a catalogue's URL is one of this Hub: only there are /blob/, /raw/ and /resolve/ a file's page, its
        pointer and the file."""
        return _is_hub_host(urlsplit(url)) or self.keeps(url)

    def file_address(self, url: str) -> str:
        """A URL of this Hub as catalogues keep it, on the host that it names; any other URL as it is."""
        if not self.is_its_address(url):
            return url
        parts = urlsplit(url)
        prefix = self._prefix if self.keeps(url) else 0
        if not _REPOSITORY.match(parts.path, prefix):
            return url
        return urlunsplit(parts._replace(path=self._resolving(parts.path, prefix), query="", fragment=""))

    def pinned(self, url: str, commit: str) -> str:
        """The address of a file in the very commit; the URL as it is for what is none of this Hub, or no commit."""
        if not re.fullmatch(r"[0-9a-f]{7,64}", commit) or not self.is_its_address(url):
            return url
        return _RESOLVE.sub(rf"\g<1>{commit}\g<2>", url, count=1)

    @staticmethod
    def _resolving(path: str, prefix: int) -> str:
        found = _REPOSITORY.match(path, prefix)
        if found and found[2] in {"blob", "raw"}:
            return f"{path[: found.end(1)]}/resolve/{path[found.end() :]}"
        return path

    def repository_page(self, url: str) -> str:
        """``https://HOST/ORG/REPO`` of a file's address; "" where it is none of this Hub."""
        if not self.is_its_address(url):
            return ""
        parts = urlsplit(url)
        found = _REPOSITORY.match(parts.path, self._prefix if self.keeps(url) else 0)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path[: found.end(1)]}" if found else ""

    @property
    def _prefix(self) -> int:
        """The length of the path below which a mirror keeps everything."""
        return len(self._parts.path.rstrip("/"))

    def owns(self, url: str) -> bool:
        return origin(url) == origin(self.endpoint)

    def keeps(self, url: str) -> bool:
        """Whether it lies below the endpoint: the host of a mirror may have other things beside it."""
        return self.owns(url) and urlsplit(url).path.startswith(self._parts.path.rstrip("/") + "/")

    def may_see_token(self, url: str) -> bool:
        """Only the Hub itself, and only where nobody listens: https, or http on this very machine."""
        scheme, host, _ = origin(url)
        return self.owns(url) and (scheme == "https" or is_loopback(host))

    def repository(self, url: str) -> str:
        """``ORG/REPO`` of a resolve URL; the path where it is none."""
        path = urlsplit(url).path
        found = _REPOSITORY.match(path, self._prefix)
        return found[1] if found else path[self._prefix :].strip("/")[:200]

    def about(self, url: str) -> str:
        """Where the Hub tells about the repository of a URL, whether it is gated among other things."""
        repository = self.repository(url)
        kind = "" if repository.startswith(("datasets/", "spaces/")) else "models/"
        return f"{self.endpoint}/api/{kind}{repository}"

    def page(self, url: str) -> str:
        """The repository's web page, where licences are accepted."""
        return f"{self.endpoint}/{self.repository(url)}"


def _is_hub_host(parts: SplitResult) -> bool:
    return (parts.hostname or "").lower().removesuffix(".") in HUB_HOSTS
