"""The hosts that models come from, for questions about addresses: none of them holds a token here."""

from __future__ import annotations

from django.conf import settings

from hosts.registry import Hosts, configured


def configured_hosts() -> Hosts:
    return configured(settings.HF_ENDPOINT)
