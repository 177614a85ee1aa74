import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "ministack: runs against ministack, for races")
