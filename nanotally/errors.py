"""Every error that nanotally raises on purpose.

    NanotallyError
    ├── UsageError          the words on the command line do not make sense
    ├── ConfigError         a configuration file that cannot be followed
    ├── MicrographError     an image that cannot be read, or metadata that contradicts it
    ├── LabelError          a label file that is not what it claims to be
    ├── PatternError        a pattern file or a template that cannot be used
    ├── RecipeError         a recipe for micrographs that cannot be followed
    ├── DatasetError        a folder that is not a data set
    ├── BundleError         a model bundle that is missing, damaged or of another schema
    ├── EngineError         an inference engine that cannot be had or has failed
    │   └── EngineUnavailable  one on a server that gives no answer now, and may again
    ├── SourceError         a feed that cannot be opened or has broken
    │   └── EndOfFeed       a finite feed that was read to its end: not a fault
    └── WireError           a message that breaks the wire format

A message says what, where and what to do, in one line: the command line prints it as it is.
"""


class NanotallyError(Exception):
    """The root: catch this to catch all that nanotally raises on purpose.

    Attributes:
        faults: where one error stands for several, each in a line of its own; else the message alone.
    """

    exit_code = 1

    def __init__(self, message: str = "", *, faults: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.faults = faults or (message,)


class UsageError(NanotallyError):
    """The words on the command line do not make sense."""

    exit_code = 2


class ConfigError(NanotallyError):
    """A configuration file that cannot be followed."""


class MicrographError(NanotallyError):
    """An image that cannot be read, or metadata that contradicts it."""


class LabelError(NanotallyError):
    """A label file that is not what it claims to be."""


class PatternError(NanotallyError):
    """A pattern file or a template that cannot be used."""


class RecipeError(NanotallyError):
    """A recipe for micrographs that cannot be followed."""


class DatasetError(NanotallyError):
    """A folder that is not a data set."""


class BundleError(NanotallyError):
    """A model bundle that is missing, damaged or of another schema."""


class EngineError(NanotallyError):
    """An inference engine that cannot be had or has failed."""


class EngineUnavailable(EngineError):  # noqa: N818 - it passes
    """An inference engine on a server that gives no answer now, and may again."""


class SourceError(NanotallyError):
    """A feed that cannot be opened or has broken."""


class EndOfFeed(SourceError):  # noqa: N818 - the end is not an error
    """A finite feed that was read to its end: not a fault."""


class WireError(NanotallyError):
    """A message that breaks the wire format."""
