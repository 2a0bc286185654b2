"""Stand-ins for services that cost money or are no more: real HTTP servers on this machine that behave as the real ones
are known to, score with the local models what they find, and keep the books that tests hold rate and bill against.
"""
