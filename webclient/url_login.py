"""The user name and password that stand in an address: found, left out, and kept out of sentences."""

from __future__ import annotations

import re
from urllib.parse import unquote


def without_login(url: str) -> str:
    """``http://user:password@host`` without what stands before the ``@``."""
    return re.sub(r"^(\s*[A-Za-z]+://)[^/?#]*@", r"\1", url)


def hidden_login(text: str) -> str:
    """What may be an address, for a sentence: nothing of what stands before its last ``@``, however it is misspelt."""
    return re.sub(r"^(\s*(?:https?:/*)?).*@", r"\1***@", text, flags=re.DOTALL)


def login_problem(url: str) -> str:
    """Why the user name or password in an address cannot be sent, as a part of a sentence that shows neither."""
    # Not by urlsplit, which drops line breaks and tabs without a word.
    login = re.split(r"[/?#]", url.strip().partition("://")[2])[0].rpartition("@")[0]
    return "" if unquote(login).isprintable() else "its user name or password holds an invisible character"
