"""The table of a sweep, as scripts print it."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from .certificate import Certificate
from .result import DelayResult


def print_table(
    results: Sequence[DelayResult], delay_name: str = "delay", console: Console | None = None
) -> None:
    """Print a sweep.

    :param results: one row each
    :param delay_name: what the task calls its delay
    :param console: where to; standard output if absent
    """
    table = Table(box=box.SIMPLE_HEAD)
    for heading in (delay_name, "success", "95 % interval", "return", "optimal", "steps"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in results:
        table.add_row(
            "-" if row.delay is None else grouped(row.delay),
            "-" if row.success_rate is None else f"{row.success_rate:.3f}",
            "-" if row.ci_low is None else f"{row.ci_low:.3f} - {row.ci_high:.3f}",
            f"{row.mean_return:.3f}",
            "-" if row.optimal_return is None else f"{row.optimal_return:.3f}",
            f"{row.mean_length:.1f}",
        )
    (console or Console(highlight=False)).print(table)


def certificate_sentence(certificate: Certificate, delay_name: str, device: str) -> str:
    """A certificate in one plain sentence.

    :param certificate: the certificate
    :param delay_name: what the task calls its delay
    :param device: where the agent ran
    """
    where = f"batch size 1, float32, {device}"
    if not certificate.holds:
        return f"not certified: {certificate.reason} ({where})"
    length = certificate.cycle_length
    found = "at rest" if length == 1 else f"cycle of {length} steps"
    return (
        f"certified: right for every {delay_name} from {certificate.from_delay} on "
        f"({found}, found after {grouped(certificate.steps)} steps; {where})"
    )


def grouped(number: int) -> str:
    """A number with its thousands set apart."""
    return f"{number:,}".replace(",", " ")
