"""What can go wrong with a contract.

Belongs here: exception classes. Does not belong here: deciding which of them applies.
"""

import dagster as dg


class DeclarationError(ValueError):
    """A contract is declared that can't be kept or written down."""


class DocumentError(ValueError):
    """A contract file is not one of ours, or is damaged."""


class ContractError(dg.Failure):
    """Base of what ends a step because of a contract; a retry can't help."""

    def __init__(self, message: str) -> None:
        super().__init__(description=message, allow_retries=False)


class BrokenContractError(ContractError):
    """An asset returned what its contract forbids. Nothing of it was stored."""


class BreakingChangeError(ContractError):
    """The code's contract would take away what the published one of the same major version promises."""


class NoContractError(ContractError):
    """The asset has no contract file in the store."""


class UnmetExpectationError(ContractError):
    """What a reader expects of an asset is not what its contract, or its frame, has."""
