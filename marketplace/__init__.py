"""What should happen: the features of the order-dispatch marketplace."""
