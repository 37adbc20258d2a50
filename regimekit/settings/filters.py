"""How filters change or stop a signal."""

from dataclasses import dataclass
from typing import ClassVar

from regimekit.settings.section import Section, setting


@dataclass(frozen=True, slots=True)
class FilterSettings(Section):
    """How higher timeframes, funding, order book and news change or stop a signal."""

    key: ClassVar[str] = "filters"

    direction: str = setting(
        "both_agree",
        about="which of 1h and 4h must agree: any, not both against, 4h with it, both with it",
        choices=("off", "not_opposed", "slow_agrees", "both_agree"),
    )
    alignment_bonus: float = setting(
        0.10, 0, 0.5, about="confidence for each of 1h and 4h whose trend agrees"
    )
    funding: bool = setting(True, about="let funding change the confidence of a signal")
    funding_crowded_long: float = setting(
        0.001, 0, 0.05, about="funding per 8h, as a fraction, above which longs are crowded"
    )
    funding_crowded_short: float = setting(
        -0.0005, -0.05, 0, about="funding per 8h, as a fraction, below which shorts are crowded"
    )
    funding_penalty: float = setting(0.15, 0, 1, about="confidence taken from the crowded side")
    funding_bonus: float = setting(0.08, 0, 1, about="confidence given to the other side")
    funding_delay_minutes: float = setting(
        1.0, 0.1, 60, about="minutes until a settlement counts as published"
    )
    funding_max_age_hours: float = setting(
        9.0, 1, 48, about="hours after which the last settlement no longer counts"
    )
    funding_outage: str = setting(
        "block", about="what missing funding does to entries", choices=("block", "abstain")
    )
    order_book: bool = setting(
        True, about="let the order book change the confidence at order time, where there is one"
    )
    book_imbalance: float = setting(
        0.15, 0.01, 1, about="imbalance of the best 10 levels, -1 to 1, that counts"
    )
    book_bonus: float = setting(
        0.08, 0, 1, about="confidence for an order book on the order's side"
    )
    book_penalty: float = setting(0.10, 0, 1, about="confidence taken by a book against it")
    book_max_age_seconds: float = setting(
        30.0, 1, 900, about="seconds after which a snapshot of the book no longer counts"
    )
    book_outage: str = setting(
        "abstain", about="what a missing order book does to orders", choices=("block", "abstain")
    )
    news: bool = setting(True, about="let news change the confidence at order time, live only")
    news_sentiment: float = setting(
        0.3, 0.01, 1, about="sentiment of recent headlines, -1 to 1, that counts"
    )
    news_bonus: float = setting(0.05, 0, 0.15, about="confidence for sentiment on the order's side")
    news_penalty: float = setting(0.15, 0, 1, about="confidence taken by sentiment against it")
    news_least_votes: int = setting(
        10, 1, 10000, about="readers' votes that a sentiment needs; below it there is none"
    )
    news_max_age_hours: float = setting(
        24.0, 0.5, 168, about="hours for which a headline counts, from publication"
    )
    news_outage: str = setting(
        "abstain", about="what missing news does to orders", choices=("block", "abstain")
    )
