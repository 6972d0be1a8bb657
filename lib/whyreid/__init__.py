"""Why does a re-identification model say that two pictures show the same person, and is that explanation true?

Data walk through the packages in this order: `data` and `pedestrians` give tables of pictures, `models` and
`losses` are trained by `training`, `retrieval` ranks, `explain` says why, `truth` says whether that is right,
`plots` draws and `study` turns notebooks into a book. A package imports only from those before it.
"""

__version__ = "0.1.0"
