"""`jobs --json`: what a program may rely on, and no more."""

import json
from pathlib import Path

from db.store import Store
from tests.acceptance.runs import moodreel
from tests.support.dbmaking import admit, photo, run_all, start, unreadable


def test_a_list_for_programs_has_the_shape_of_a_status_and_no_request(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/moodreel.db", create=True) as store:
        job = start(store, name="pilot", request_json=json.dumps({"paths": ["/secret/place"]}))
        admit(store, job, photo("a.jpg"), unreadable("b.jpg"))
        run_all(store)
        store.jobs.seal(job.id)
    listed = moodreel("jobs", "--json", cwd=tmp_path)
    assert "/secret/place" not in listed.out
    (line,) = json.loads(listed.out)
    status = moodreel("status", "--json", cwd=tmp_path).summary
    assert line == {key: status[key] for key in status if key not in ("waits_for", "workers")}
    assert (line["counts"]["files"], line["counts"]["files_failed"]) == (2, 1)
    assert (status["waits_for"], status["workers"]) == (None, [])
