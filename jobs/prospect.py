"""What a previewed run would come to: reads what it wants, what is done of it already, and on which terms services are.

Nothing is analysed and nobody is called.
"""

from collections.abc import Mapping, Set

from db.errors import DatabaseMissing
from db.precedents import Found, KnownAnalysis, Precedents
from db.store import Store
from jobs.embedded import Preview
from jobs.estimate import Estimate, Prospect, Terms, estimate, foresee
from jobs.request import RunRequest
from workers.analysis import AnalysisSpec
from workers.detection.catalogue import SERVICE
from workers.services.base import PictureCard
from workers.services.catalogue import service_card
from workers.services.prices import price_of
from workers.services.rate import rate_in_force
from workers.settings import Settings

FACES_PER_FRAME = 1.0
"""Assumed where nobody has looked: recordings of one person who looks at the camera."""


def estimate_of(
    plan: Preview, settings: Settings, request: RunRequest, faces_per_frame: float = FACES_PER_FRAME
) -> Estimate:
    """What a previewed run would come to. Raises SettingsError for a rate or a price that is none, StoreError."""
    terms = terms_of(settings, request)
    return estimate(_prospect(plan, settings, request.analysis), terms, faces_per_frame)


def terms_of(settings: Settings, request: RunRequest) -> Terms | None:
    """On which terms the scorer of a request works; None for one that works here."""
    card = service_card(request.analysis.scorer.name)
    if card is None:
        return None
    finds_faces = request.analysis.detector.name == SERVICE
    return Terms(
        title=card.title,
        finds_faces=finds_faces,
        faces_a_call=request.analysis.scorer.pack,
        may_take_more=not finds_faces and not isinstance(card, PictureCard),
        rate=rate_in_force(card.rate_per_s, request.calls.rate, settings.rate),
        price=price_of(card.name, settings.prices),
    )


def _prospect(plan: Preview, settings: Settings, spec: AnalysisSpec) -> Prospect:
    wanted = Precedents(plan.store.engine).wanted(plan.job.id)
    digests = frozenset(one.sha256 for one in wanted)
    try:
        with Store.open(settings.database_url) as real:
            precedents = Precedents(real.engine)
            done, seen = _known(precedents, digests, spec)
    except DatabaseMissing:
        done, seen = {}, {}
    return foresee(wanted, done, seen)


def _known(
    precedents: Precedents, digests: Set[str], spec: AnalysisSpec
) -> tuple[Mapping[str, Found], Mapping[str, Found]]:
    """What the same analysis has of these media, and what others have that find the same faces in them."""
    done: dict[str, Found] = {}
    seen: dict[str, Found] = {}
    analyses = precedents.analyses()
    for asked in (spec, spec.for_photos()):
        fingerprint = asked.record().fingerprint
        for known in analyses:
            if known.fingerprint == fingerprint:
                done |= precedents.found(known.id, digests)
            elif finds_alike(known, asked):
                found = precedents.found(known.id, digests)
                seen |= {digest: one for digest, one in found.items() if one.whole}
    return done, seen


def finds_alike(known: KnownAnalysis, asked: AnalysisSpec) -> bool:
    """Whether an analysis finds the faces that another one would, whatever scores them."""
    try:
        spec = AnalysisSpec.from_json(known.spec_json)
    except (ValueError, KeyError, TypeError):  # of another version, that asked for what we do not know
        return False
    return (spec.sampling, spec.detector, spec.pipeline_revision) == (
        asked.sampling,
        asked.detector,
        asked.pipeline_revision,
    )
