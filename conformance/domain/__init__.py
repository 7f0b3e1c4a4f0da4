"""The words of this project as frozen records and pure functions; imported by parent and child alike.

Everything here runs on Python 3.9 and up with the standard library (``tensors`` adds numpy).
"""
