"""The ways in which projects write migrations: our own files, and the folders of other tools.

Each format's module has ``read(sources, system)``: the texts of a folder's SQL files become
migrations. ``detecting`` says which format a folder is in.
"""
