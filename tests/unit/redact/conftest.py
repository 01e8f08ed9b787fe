"""One profile for all properties of masking: a busy machine is no failure."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "overt", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("overt")
