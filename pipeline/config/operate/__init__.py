"""What happens after the push: batch inference, the watch and the webhook."""
