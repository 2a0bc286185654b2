"""The options that commands share, each described once."""

from typing import Annotated

import typer

from workers.knobs import knob


def _show_version(wanted: bool) -> None:
    if wanted:
        from jobs.submit import program_version

        print(f"moodreel {program_version()}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
]
Database = Annotated[str | None, typer.Option("--database", help=knob("database_url").option_help, metavar="URL")]
Workers = Annotated[int | None, typer.Option("--workers", help=knob("workers").option_help, metavar="N")]
Device = Annotated[str | None, typer.Option("--device", help=knob("device").option_help, metavar="NAME")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary; errors only.")]
Job = Annotated[
    str, typer.Argument(metavar="JOB", help="An id, a unique end of one, a name, or `latest`.", show_default=False)
]
LatestJob = Annotated[str, typer.Argument(metavar="[JOB]", help="An id, a unique end of one, a name, or `latest`.")]
Watch = Annotated[
    bool,
    typer.Option("--watch", help="Of a submitted job: show its progress to the end. Ctrl-C leaves it to the workers."),
]
Paths = Annotated[list[str] | None, typer.Argument(metavar="PATH...", help="Folders and files.", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be analysed; write nothing.")]
Profile = Annotated[bool, typer.Option("--profile", help="Say where the time went, by stage.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

SAMPLING = "Sampling"
DETECTION = "Detection and scoring"
CHOICE = "Which files"
Every = Annotated[
    str | None,
    typer.Option(
        help="Look at the frame on screen at each multiple of this: 1s, 500ms, 1/30, 2m. Default: 1s.",
        metavar="DURATION",
        rich_help_panel=SAMPLING,
    ),
]
Fps = Annotated[
    str | None,
    typer.Option(help="The same as frames a second: 5, 2.5, 30000/1001.", metavar="RATE", rich_help_panel=SAMPLING),
]
EveryFrame = Annotated[bool, typer.Option("--every-frame", help="Look at every frame.", rich_help_panel=SAMPLING)]
Keyframes = Annotated[
    bool, typer.Option("--keyframes", help="Look at key frames only: the cheapest.", rich_help_panel=SAMPLING)
]
FastDecode = Annotated[
    bool,
    typer.Option(
        "--fast-decode",
        help="Decode H.264, HEVC and VP8 for less, without smoothing block edges: numbers differ a little.",
        rich_help_panel=SAMPLING,
    ),
]
Start = Annotated[
    str | None,
    typer.Option(help="Leave out what lies before this time of each video.", metavar="TIME", rich_help_panel=SAMPLING),
]
End = Annotated[
    str | None,
    typer.Option(help="Leave out what lies at or behind this time.", metavar="TIME", rich_help_panel=SAMPLING),
]
Detector = Annotated[
    str,
    typer.Option(
        help="The face detector: yunet, or service: the service that scores gets whole pictures and finds the faces.",
        metavar="NAME",
        rich_help_panel=DETECTION,
    ),
]
MaxSide = Annotated[
    int,
    typer.Option(
        help="Detect on pictures reduced to this many pixels on the longer side.",
        min=32,
        max=8192,
        metavar="PIXELS",
        rich_help_panel=DETECTION,
    ),
]
Confidence = Annotated[
    float,
    typer.Option(
        help="Leave out faces that the detector is less sure of.",
        min=0.05,
        max=1.0,
        metavar="0..1",
        rich_help_panel=DETECTION,
    ),
]
MinFace = Annotated[
    int,
    typer.Option(
        help="Leave out (and count) faces smaller than this, by height in the recording.",
        min=0,
        metavar="PIXELS",
        rich_help_panel=DETECTION,
    ),
]
Scorer = Annotated[
    str,
    typer.Option(
        help="What scores the faces; `moodreel scorers` lists them.", metavar="NAME", rich_help_panel=DETECTION
    ),
]
SERVICES = "Services that are called"
Pack = Annotated[
    int | None,
    typer.Option(
        help="Faces on one picture that a service is sent, which bills by picture; 1: each alone. Default: 36.",
        min=1,
        max=100,
        metavar="FACES",
        rich_help_panel=SERVICES,
    ),
]
Attributes = Annotated[
    str | None,
    typer.Option(
        "--azure-attributes",
        help="What Azure Face is asked of each face: emotion,age,headPose,... Default: emotion.",
        metavar="NAMES",
        rich_help_panel=SERVICES,
    ),
]
RekognitionAttributes = Annotated[
    str | None,
    typer.Option(
        "--rekognition-attributes",
        help="The same for Amazon Rekognition: EMOTIONS,AGE_RANGE,... Default: EMOTIONS.",
        metavar="NAMES",
        rich_help_panel=SERVICES,
    ),
]
Rate = Annotated[
    str | None, typer.Option(help=knob("rate").option_help, metavar="CALLS/TIME", rich_help_panel=SERVICES)
]
MaxCalls = Annotated[
    int | None,
    typer.Option(
        help="Stop, to be resumed, before a service is called more often than this for the job.",
        min=0,
        metavar="N",
        rich_help_panel=SERVICES,
    ),
]
MaxCost = Annotated[
    float | None,
    typer.Option(
        help="Stop, to be resumed, before the job's calls cost more than this, in US dollars.",
        min=0.0,
        metavar="USD",
        rich_help_panel=SERVICES,
    ),
]
Include = Annotated[
    list[str] | None,
    typer.Option(
        help="Only files that match this glob (by name; by path below PATH if it holds a slash). Repeatable.",
        metavar="GLOB",
        rich_help_panel=CHOICE,
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(help="No files that match this glob. Repeatable.", metavar="GLOB", rich_help_panel=CHOICE),
]
FollowLinks = Annotated[
    bool,
    typer.Option(
        "--follow-links",
        help="Follow links that lead out of PATH. A fleet always follows them within its media roots, and never out.",
        rich_help_panel=CHOICE,
    ),
]
Manifest = Annotated[
    str | None,
    typer.Option(
        help="A CSV with a path column; every other column becomes a tag of that file. "
        "Without PATH, its files are what is analysed.",
        metavar="FILE.csv",
        rich_help_panel=CHOICE,
    ),
]
Tag = Annotated[
    list[str] | None,
    typer.Option(help="A tag of every file: condition=control. Repeatable.", metavar="KEY=VALUE"),
]
Name = Annotated[str | None, typer.Option(help="A name for the job, to find it by.", metavar="NAME")]
