"""Models: tensors in, start and end scores over the clips out; no files, no seconds."""
