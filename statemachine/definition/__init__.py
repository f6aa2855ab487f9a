"""What the author wrote: text with positions, the model, and its diagnostics."""
