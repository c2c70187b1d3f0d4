import inspect

import pytest

from nanotally import errors
from nanotally.errors import EndOfFeed, NanotallyError, SourceError, UsageError

TREE = [item for _, item in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("error", TREE, ids=lambda error: error.__name__)
def test_every_error_is_caught_by_the_root_and_drawn_in_the_tree(error: type[NanotallyError]) -> None:
    assert issubclass(error, NanotallyError)
    assert error.__name__ in (errors.__doc__ or "").split()


def test_wrong_usage_exits_with_2_and_every_other_fault_with_1() -> None:
    assert {error.exit_code for error in TREE if not issubclass(error, UsageError)} == {1}
    assert UsageError.exit_code == 2


def test_a_reader_of_feeds_can_tell_the_end_from_a_fault() -> None:
    assert issubclass(EndOfFeed, SourceError)
