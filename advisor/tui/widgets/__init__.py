"""What the places are built from: the frame, lists, entry fields and panels."""
