"""How calls of services and their cost read: of an estimate, of a bill, of a job that stopped for it. Plain text."""

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from jobs.cli.output import printable
from jobs.progress import duration
from jobs.status import is_spent
from jobs.words import numbered

if TYPE_CHECKING:
    from db.call_records import Bill
    from db.records import JobRecord
    from jobs.estimate import Estimate, Expense


def dollars(amount: Decimal | float) -> str:
    """US dollars for people: in cents, or as finely as it takes to show two digits."""
    exact = Decimal(str(amount))
    if not exact:
        return "0"
    shown = f"{exact:,.{max(2, 1 - exact.adjusted())}f}"
    cents = shown.index(".") + 3
    return shown[:cents] + shown[cents:].rstrip("0")


def estimate_lines(made: "Estimate", job: "JobRecord") -> Iterator[str]:
    """What a run would come to, beyond its files: faces, calls, time, money, and whether its budget suffices."""
    done = made.prospect.frames - made.prospect.frames_new
    if done:
        yield f"analysed already, and free: {numbered(done, 'frame')}"
    yield _faces(made)
    if made.expense is None:
        yield "calls: none, and no cost: no service is called"
    else:
        yield from _expense(made.expense)
    yield from (f"assumed: {one}" for one in made.assumptions)
    if made.expense is not None:
        yield from _beyond(made.expense, job)


def _faces(made: "Estimate") -> str:
    known, service = made.prospect.faces_known, made.expense and made.expense.terms.title
    if made.faces is None:
        return f"faces: {service} finds them in whole pictures, one a frame"
    if not made.faces_assumed:
        return f"faces to score: {known:,}" + (", as an earlier analysis counted" if known else "")
    counted = f", {known:,} of them counted by an earlier analysis" if known else ""
    return f"faces to score: about {made.faces:,}{counted}"


def _expense(expense: "Expense") -> Iterator[str]:
    terms = expense.terms
    yield f"calls: {expense.calls:,} to {terms.title}; {duration(expense.time_at_rate_s)} at {terms.rate}"
    if terms.price.usd_per_1000:
        price = f"{terms.price.usd_per_1000:f} USD for 1,000 ({terms.price.source})"
        yield f"cost: {dollars(expense.cost)} USD, at {price}"
    else:
        yield f"cost: none ({terms.price.source})"


def _beyond(expense: "Expense", job: "JobRecord") -> Iterator[str]:
    if job.max_calls is not None and expense.calls > job.max_calls:
        yield f"that is more than --max-calls {job.max_calls}: the job would stop there, to be resumed"
    if job.max_cost is not None and expense.cost > Decimal(str(job.max_cost)):
        yield f"that is more than --max-cost {job.max_cost:g}: the job would stop there, to be resumed"


def bill_lines(bill: "Bill | None", job: "JobRecord") -> Iterator[str]:
    """What a job has spent, within which budget; nothing for a job that called nobody."""
    if bill is None:
        return
    calls = f"{bill.calls:,}" + ("" if job.max_calls is None else f" of at most {job.max_calls:,}")
    odd = ", ".join(f"{number:,} {what}" for number, what in _oddities(bill) if number)
    transactions = numbered(bill.transactions, "transaction")
    line = f"calls: {calls}{f' ({odd})' if odd else ''}, {transactions}{_cost(bill, job)}"
    if bill.unclear:
        line += f"; {numbered(bill.unclear, 'call')} may have been billed without a result"
    yield line


def _oddities(bill: "Bill") -> tuple[tuple[int, str], ...]:
    failed = bill.unanswered - bill.throttled - bill.unclear
    return (
        (bill.retries, "retried"),
        (bill.throttled, "refused for the rate"),
        (failed, "failed"),
        (bill.in_flight, "under way"),
    )


def _cost(bill: "Bill", job: "JobRecord") -> str:
    if not bill.cost and job.max_cost is None:
        return ""
    return f", about {dollars(bill.cost)}{'' if job.max_cost is None else f' of at most {dollars(job.max_cost)}'} USD"


def stop_lines(job: "JobRecord", bill: "Bill | None", short_id: str) -> Iterator[str]:
    """Why a job stopped by itself, and how it goes on; nothing for one that did not."""
    if job.stop_reason is None:
        return
    yield f"stopped: {printable(job.stop_reason)}"
    yield f"hint: moodreel resume {short_id}{more_for(job, bill)}"


def more_for(job: "JobRecord", bill: "Bill | None") -> str:
    """What `resume` needs to be told so that a job goes on, beside its name: more budget, where that is spent."""
    if not is_spent(job):
        return ""
    if job.max_calls is not None and (bill is None or bill.calls >= job.max_calls):
        return " --max-calls N"
    return "" if job.max_cost is None else " --max-cost USD"
