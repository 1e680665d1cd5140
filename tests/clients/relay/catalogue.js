import { graphql } from 'relay-runtime';

graphql`
  query catalogueQuery($first: Int!, $after: String) {
    ...catalogue_products @arguments(first: $first, after: $after)
  }
`;
graphql`
  fragment catalogue_products on Query
  @argumentDefinitions(first: { type: "Int!" }, after: { type: "String" })
  @refetchable(queryName: "cataloguePaginationQuery") {
    products(first: $first, after: $after) @connection(key: "catalogue_products") {
      edges {
        node {
          id
          name
          price
        }
      }
    }
  }
`;
