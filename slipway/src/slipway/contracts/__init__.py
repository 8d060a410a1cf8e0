"""Data contracts: what an asset promises, declared once, enforced on write, published for readers."""

from slipway.columns import Column
from slipway.contracts.contract import Contract, Published
from slipway.contracts.enforcement import contract_check, enforced, published
from slipway.contracts.errors import (
    BreakingChangeError,
    BrokenContractError,
    ContractError,
    DeclarationError,
    NoContractError,
    UnmetExpectationError,
)
from slipway.contracts.expectation import Expectation
from slipway.contracts.publication import published_contract

__all__ = [
    "BreakingChangeError",
    "BrokenContractError",
    "Column",
    "Contract",
    "ContractError",
    "DeclarationError",
    "Expectation",
    "NoContractError",
    "Published",
    "UnmetExpectationError",
    "contract_check",
    "enforced",
    "published",
    "published_contract",
]
