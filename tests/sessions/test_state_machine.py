"""Sessions under everything that may happen to them, against the model of what is promised."""

from hypothesis import HealthCheck, settings

from tests.sessions.machine import House

TestSessions = House.TestCase
TestSessions.settings = settings(
    max_examples=200, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)
