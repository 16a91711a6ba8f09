//! Names: one catalog with one database, as Athena shows them, and found in any case, quoted or not, as Trino finds them.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use async_trait::async_trait;
use datafusion::{
    catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider},
    error::DataFusionError,
};

/// The catalog, by the name that Athena gives to the AWS Glue Data Catalog.
pub const CATALOG: &str = "awsdatacatalog";

/// The database, by the name that the AWS workshop gave to it.
pub const DATABASE: &str = "kms_insights_database";

/// The one list of catalogs, the one catalog and the one database in it.
#[derive(Debug, Default)]
pub(crate) struct Names {
    relations: Arc<Relations>,
}

impl Names {
    pub(crate) fn relations(&self) -> &Arc<Relations> {
        &self.relations
    }

    fn share(&self) -> Self {
        Self { relations: Arc::clone(&self.relations) }
    }
}

impl CatalogProviderList for Names {
    fn register_catalog(&self, _: String, _: Arc<dyn CatalogProvider>) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        vec![CATALOG.to_owned()]
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        name.eq_ignore_ascii_case(CATALOG).then(|| Arc::new(self.share()) as Arc<dyn CatalogProvider>)
    }
}

impl CatalogProvider for Names {
    fn schema_names(&self) -> Vec<String> {
        vec![DATABASE.to_owned()]
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        name.eq_ignore_ascii_case(DATABASE).then(|| Arc::clone(&self.relations) as Arc<dyn SchemaProvider>)
    }
}

/// The tables and views of the database.
#[derive(Debug, Default)]
pub(crate) struct Relations {
    tables: RwLock<BTreeMap<String, Arc<dyn TableProvider>>>,
}

impl Relations {
    /// Adds a table or view; only the engine does, while it opens.
    pub(crate) fn add(&self, name: &str, table: Arc<dyn TableProvider>) {
        self.tables.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_ascii_lowercase(), table);
    }

    fn get(&self, name: &str) -> Option<Arc<dyn TableProvider>> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner).get(&name.to_ascii_lowercase()).cloned()
    }
}

#[async_trait]
impl SchemaProvider for Relations {
    fn table_names(&self) -> Vec<String> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        Ok(self.get(name))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}
