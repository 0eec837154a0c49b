"""Takes over a database whose history another tool keeps, without running anything again.

``histories`` reads what the other tool recorded, ``matching`` finds the file of each record and what
contradicts it, ``baseline`` writes a file of what the database holds where there are no SQL files,
``adoption`` compares the outcome with the live catalogue and writes our history.
"""
