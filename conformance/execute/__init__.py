"""The parent side: workers in processes of their own, their deadlines, deaths and restarts."""
