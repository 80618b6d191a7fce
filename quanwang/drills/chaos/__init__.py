"""``quanwang chaos``: a real load on a real installation while its processes are killed, frozen and emptied.

faults.py says what is done and when (pure), strike.py does it; load.py and scenes.py act as backends, publishers and
receivers; history.py keeps what the clients saw; ending*.py reads what is there at the end; checks*.py compares.
"""
