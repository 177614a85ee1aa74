"""What is sent to sign up and to change a password, by itself."""

from chalicelib.accounts.sign_up import PasswordChange, SignUp
from chalicelib.model import Device

DEVICE = Device("192.0.2.7", "")


def test_no_password_shows_in_a_repr() -> None:
    sent = repr(
        [
            SignUp("zoe", "zoe@example.com", "hidden-1", DEVICE),
            PasswordChange("s", "hidden-2", "hidden-3", DEVICE, None),
        ]
    )
    assert "zoe@example.com" in sent
    assert "hidden" not in sent
