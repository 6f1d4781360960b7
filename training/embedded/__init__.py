"""What the embedded model is made of: easy-VQA's training split, painted anew."""
