"""Manifests of Kubernetes, and what their controllers make of them."""
