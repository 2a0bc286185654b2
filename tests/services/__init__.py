"""Stand-ins for services that cost money or are no more: real HTTP servers on this machine that behave as the real ones
are known to, score with the local models what they find, and keep the books that tests hold rate and bill against.

A wheel carries all but `pairs` as `jobs.stand_ins`, for `moodreel doctor --self-test`: imports here are relative, and
need nothing that only tests have.
"""
