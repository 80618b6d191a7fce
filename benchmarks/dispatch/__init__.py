"""The whole way of an order, from the request to the inboxes, through the real processes under an open-loop load."""
