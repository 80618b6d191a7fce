"""What may serve as an external id."""

import pytest

from kit.errors import InvalidInput
from marketplace.users import external_id_of


@pytest.mark.parametrize(
    ("given", "text"), [(5, "5"), ("5", "5"), ("u-1", "u-1"), ("\u5f20\u4e09", "\u5f20\u4e09"), (2**60, str(2**60))]
)
def test_strings_and_integers_are_accepted(given: object, text: str) -> None:
    assert external_id_of(given) == text


@pytest.mark.parametrize("given", [0, -1, True, 1.5, None, "", " a", "a ", "a\n", "x" * 129, [], "0", "-5", 2**63])
def test_everything_else_is_refused_with_the_field(given: object) -> None:
    with pytest.raises(InvalidInput, match=r"^user\.id: "):
        external_id_of(given, "user.id")
