"""The folder of compiled networks: what is kept there and what is removed."""

from __future__ import annotations

import os


def test_the_cache_forgets_old_versions_other_machines_and_what_is_too_much(tmp_path, monkeypatch):
    from radiologycnn.networks.openvino_cache import CACHE_VARIABLE, cache_folder, prune

    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    day, now = 86400, 1_800_000_000
    present, older = (cache_folder(version, "CPU X") for version in ("2026.1.0-1", "2025.4.1-9"))
    elsewhere, forgotten = (cache_folder("2026.1.0-1", f"CPU {name}") for name in "YZ")
    assert len({present, older, elsewhere, forgotten}) == 4 and all(p.parent == tmp_path for p in (present, older))

    def blob(folder, name, size, days):
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(bytes(size))
        os.utime(folder / name, (now - days * day,) * 2)
        os.utime(folder, (now - days * day,) * 2)

    blob(older, "a.blob", 10, 8)
    blob(elsewhere, "a.blob", 10, 8)
    blob(forgotten, "a.blob", 10, 91)
    for name, days in (("old.blob", 5), ("new.blob", 1), ("newest.blob", 0)):
        blob(present, name, 40, days)
    removed = prune(present, largest_bytes=100, now=now)
    assert sorted(p.name for p in present.iterdir()) == ["new.blob", "newest.blob"]
    assert not older.exists() and not forgotten.exists() and elsewhere.exists()
    assert set(removed) == {older, forgotten, present / "old.blob"}
    assert prune(present, largest_bytes=100, now=now) == []
