"""One file a question. Figures are measured, never asserted in tests."""
