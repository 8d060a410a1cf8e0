"""Words and draws that the demo's publishers share."""

import random
from datetime import datetime, timedelta

SECTIONS = ["nyheder", "sport", "underholdning", "penge", "biler"]
_SUBJECTS = [
    "Cabinet",
    "Striker",
    "Harbour",
    "Museum",
    "Storm",
    "Teacher",
    "Bridge",
    "Festival",
    "Court",
    "Bakery",
]
_VERBS = [
    "opens",
    "loses",
    "wins",
    "closes",
    "returns",
    "apologises",
    "moves",
    "expands",
    "wavers",
    "surprises",
]
_ENDS = ["after the vote", "in the rain", "for the first time", "at midnight", "without a word", "again"]


def title(draw: random.Random) -> str:
    """Return a headline."""
    return f"{draw.choice(_SUBJECTS)} {draw.choice(_VERBS)} {draw.choice(_ENDS)}"


def moment(draw: random.Random, first: datetime, days: int) -> datetime:
    """Return a time within `days` from `first`, to the second; readers sleep at night."""
    hour = draw.choice([6, 7, 8, 8, 9, 12, 12, 13, 16, 17, 18, 19, 20, 20, 21, 22])
    return first + timedelta(
        days=draw.randrange(days), hours=hour, minutes=draw.randrange(60), seconds=draw.randrange(60)
    )


def few(draw: random.Random, things: list[int], most: int) -> list[int]:
    """Return some different ones of `things`, more often the first: what is popular is shown and clicked more."""
    weights = [1 / (place + 1) for place in range(len(things))]
    chosen: list[int] = []
    for one in draw.choices(things, weights, k=draw.randint(2, most)):
        if one not in chosen:
            chosen.append(one)
    return chosen


def chance(draw: random.Random, share: float) -> bool:
    """Return True in that share of the calls."""
    return draw.random() < share
