"""What refusals, confidence, concentration and inputs support, in plain words."""

from regimekit.reports.calibration import Calibration
from regimekit.reports.inputs_seen import silent
from regimekit.reports.study import Study
from regimekit.reports.text import count, name, number, percent, span

SCORE = "Confidence is a score made of points, and no claim that this share of signals wins."


def gate_words(study: Study) -> str:
    """Return in a sentence or two which gates earned their keep."""
    if study.simulated:
        return (
            "What a gate refused and what became of it can be read below; in an invented market "
            "it says nothing about whether the gate is worth having."
        )
    found: dict[str, list[str]] = {}
    for row in study.gates:
        found.setdefault(row.verdict, []).append(name(row.gate))
    parts = [
        f"{words}: {', '.join(found[verdict])}."
        for verdict, words in (
            ("earned its keep", "Earned their keep, for what they refused would have lost"),
            ("cost money", "Cost money, for what they refused would have won"),
            ("cannot tell", "Cannot tell, the interval holds zero or there is too little"),
        )
        if verdict in found
    ]
    taken = study.taken
    if taken.known:
        edges = span(taken.interval, lambda r: number(r, signed=True))
        parts.append(
            f"The entries that were taken, {taken.known:,} measured, made "
            f"{number(taken.mean_r, signed=True)} R by the same measure (95 % interval {edges})."
        )
    return " ".join(parts)


def ledger_words(study: Study) -> str:
    """Return what is missing of the refusals, empty when nothing is."""
    if study.ledger_rows is None:
        return (
            "No veto ledger of this run was found, so refusals just before the order are missing; "
            "what filters refused follows from the candles."
        )
    if study.ledger_rows >= study.run.settings.vetoes.most_rows:
        return (
            f"The veto ledger holds no more than its {study.ledger_rows:,} latest rows; raise "
            "vetoes.most_rows to keep all."
        )
    return ""


def calibration_words(study: Study) -> str:
    """Return in words whether confidence says anything."""
    if study.simulated:
        return f"{SCORE} In an invented market it cannot be judged."
    parts = [SCORE, _ranking(study.won, "Among the trades", "a profit")]
    if study.target_first.total > study.won.total:  # else there were no others
        parts.append(
            _ranking(study.target_first, "Among all signals", "the target before the stop")
        )
    return " ".join(parts)


def _ranking(found: Calibration, where: str, what: str) -> str:
    says = {
        "ranks": "more of it did mean better chances of",
        "ranks the wrong way": "more of it meant worse chances of",
        "cannot tell": "it cannot be told whether more of it means better chances of",
    }[found.verdict]
    return f"{where} {says} {what}."


def concentration_words(study: Study) -> str:
    """Return in a sentence what the result hangs on."""
    found, digits = study.concentration, 2
    if not study.total.trades:
        return "There were no trades."
    left = [
        f"{number(part.rest.profit, digits, signed=True)} {study.run.currency} without the best "
        f"{count(part.removed, part.unit)}"
        for part in found.without
        if part.removed > 1 and part.removed < part.available
    ]
    first = (
        f"Of {number(study.total.profit, digits, signed=True)} {study.run.currency} remain "
        f"{', '.join(left)}. "
        if left
        else ""
    )
    return f"{first}The best trade is {percent(found.top_share)} of all that winning trades made."


def input_words(study: Study) -> list[str]:
    """Return what a reader must know about filters without data."""
    if not study.frames:
        return []
    never = silent(study.inputs)
    words = (
        [f"Without data in this run: {', '.join(never)}. What they feed was silent."]
        if never
        else []
    )
    asked = [item.name for item in study.inputs if item.order_time and item.policy != "off"]
    if asked:
        words.append(
            f"{' and '.join(asked).capitalize()} are asked when an order is sent. A backtest has "
            "them only where they were recorded, and its export does not tell what they answered."
        )
    return words
