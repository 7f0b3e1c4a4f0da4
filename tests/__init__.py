"""The project's own tests; a package, so that workers can load ``tests.fakes``."""
