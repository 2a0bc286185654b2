"""`serve`: our own scoring container."""

from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli import options

if TYPE_CHECKING:
    from workers.analysis import ScorerSpec
    from workers.settings import Settings

CHECK_S = 5.0
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  looked up, not bound
_HERE = ("127.0.0.1", "::1", "localhost")

Host = Annotated[str, typer.Option("--host", metavar="HOST", help="Address to listen at; 0.0.0.0 for all.")]
Port = Annotated[
    int, typer.Option("--port", metavar="PORT", help="Port to listen at; 0: a free one.", min=0, max=65535)
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", metavar="N", help="Threads that score, each with its model; one a core.", min=1, max=256),
]
MaxBody = Annotated[
    float, typer.Option("--max-body-mb", metavar="MB", help="The longest request, in MB.", min=0.1, max=1024)
]
Check = Annotated[
    bool, typer.Option("--check", help="Only say whether one answers at this address: exit status 0 or 3.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(serve)


def serve(
    host: Host = "127.0.0.1",
    port: Port = 5001,
    scorer: options.Scorer = "ferplus",
    threads: Threads = None,
    max_body_mb: MaxBody = 8.0,
    device: options.Device = None,
    check: Check = False,
) -> None:
    """Score faces over HTTP: the protocol of the FER+ scoring containers, over the model on this machine.

    POST /score takes gray faces of 64 x 64. It asks for no key: whoever reaches the address may use it. SIGTERM or
    Ctrl-C lets it finish what it has in hand.
    """
    from jobs.cli.working import settings_of

    settings = settings_of(None, None, device)
    if check:
        _check(host, port)
    _require_uvicorn()
    spec = _spec_of(scorer)
    _serve(settings, spec, host, port, threads, max_body_mb)


def _require_uvicorn() -> None:
    from importlib.util import find_spec

    from jobs.errors import UsageError

    if find_spec("uvicorn") is None:
        raise UsageError("serve needs uvicorn", "pip install 'moodreel[serve]'")


def _spec_of(name: str) -> "ScorerSpec":
    """The scorer with its model's hash. Raises UsageError for one that scores nothing here."""
    from jobs.errors import UsageError
    from workers.analysis import ScorerSpec
    from workers.scoring.catalogue import queue_of, resolve

    spec = resolve(ScorerSpec(name))
    if name == "none" or queue_of(name) != "cpu":
        raise UsageError(f"scorer {name} scores nothing on this machine", "serve one that does, such as ferplus")
    return spec


def _serve(
    settings: "Settings", spec: "ScorerSpec", host: str, port: int, threads: int | None, max_body_mb: float
) -> None:
    from jobs.cli.output import say
    from jobs.submit import require_device
    from workers.scoring.catalogue import open_scorer
    from workers.services.listening import listen, run, url_of
    from workers.services.score_room import ScoringRoom
    from workers.services.server import ScoringApp, Served
    from workers.settings import cores

    require_device(settings.device)

    def ready() -> None:
        say(f"scoring with {spec.name} ({spec.model_sha256[:12]}) at {url_of(listening)}/score")
        if host not in _HERE:
            say("warning: it asks for no key: whoever reaches this address may use it")

    with (
        listen(host, port) as listening,
        ScoringRoom(lambda: open_scorer(spec, settings.device), threads or cores()) as room,
    ):
        run(ScoringApp(room, Served(spec.name, spec.model_sha256), max_body_mb), listening, ready)


def _check(host: str, port: int) -> None:
    import httpx

    from jobs.cli.output import say
    from jobs.errors import ExitCode

    there = _ANYWHERE.get(host, host)
    url = httpx.URL(scheme="http", host=there, port=port, path="/health")
    try:
        with httpx.Client(trust_env=False, timeout=CHECK_S) as client:
            well = client.get(url).status_code == 200
    except httpx.HTTPError:
        well = False
    say(f"{url} {'answers' if well else 'does not answer'}")
    raise typer.Exit(ExitCode.OK if well else ExitCode.UNAVAILABLE)
