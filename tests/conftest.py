"""Settings of Hypothesis for all tests: machines are noisy, and slowness is no fault of the code's."""

from hypothesis import HealthCheck, settings

settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")
